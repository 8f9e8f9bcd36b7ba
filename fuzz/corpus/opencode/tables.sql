CREATE TABLE session(id TEXT, project_id TEXT, directory TEXT, time_created INTEGER);
CREATE TABLE message(id TEXT, session_id TEXT, time_created INTEGER, data TEXT);
CREATE TABLE part(id TEXT, message_id TEXT, data TEXT);
INSERT INTO session VALUES('s', 'p', '/w', 1);
INSERT INTO message VALUES('m', 's', 1, '{"role": "user"}');
INSERT INTO part VALUES('p', 'm', '{"type": "text", "text": "Where?"}');
