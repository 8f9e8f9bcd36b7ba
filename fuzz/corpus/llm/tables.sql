CREATE TABLE conversations(id TEXT PRIMARY KEY, name TEXT, model TEXT);
CREATE TABLE responses(id TEXT PRIMARY KEY, model TEXT, prompt TEXT, system TEXT, prompt_json TEXT, options_json TEXT, response TEXT, response_json TEXT, conversation_id TEXT, duration_ms INTEGER, datetime_utc TEXT, input_tokens INTEGER, output_tokens INTEGER);
INSERT INTO conversations VALUES('c1', 'T', 'm');
INSERT INTO responses(id, model, prompt, response, conversation_id) VALUES('r1', 'm', 'Where?', 'Here.', 'c1');
