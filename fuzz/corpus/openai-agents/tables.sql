CREATE TABLE agent_sessions(session_id TEXT, created_at TEXT, updated_at TEXT);
CREATE TABLE agent_messages(id INTEGER, session_id TEXT, message_data TEXT, created_at TEXT);
INSERT INTO agent_sessions VALUES('s', '', '');
INSERT INTO agent_messages VALUES(1, 's', '{"role": "user", "content": "Where?"}', '');
