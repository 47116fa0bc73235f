-- Lock a source's row while `revision` is its newest, and go on holding its lease. Returns: its number, or none when a
-- newer sync has begun.
UPDATE source SET lease_until = clock_timestamp() + interval '60 seconds'
 WHERE name = %(source)s AND revision = %(revision)s
RETURNING source_id;
