CREATE TABLE message_store(id INTEGER PRIMARY KEY, session_id TEXT, message TEXT);
INSERT INTO message_store VALUES(1, 's', '{"type": "human", "data": {"content": "Where?"}}');
