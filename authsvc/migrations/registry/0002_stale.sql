-- How long beyond its lease a worker serves callers that it knows, when it cannot reach authsvc. Revocations are not
-- called in force before that is over either.
ALTER TABLE {schema}.leases ADD COLUMN max_stale interval NOT NULL DEFAULT '0';
