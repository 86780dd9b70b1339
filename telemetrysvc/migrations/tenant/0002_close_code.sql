-- How a WebSocket ended; 0 for every other request.
ALTER TABLE {schema}.requests ADD COLUMN close_code smallint NOT NULL DEFAULT 0;
