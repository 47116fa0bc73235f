-- How far a source is, and the time before anything else is read of it. Returns: one row; nulls but for the time for a
-- source never heard of.
SELECT clock_timestamp(), source.revision, source.published_revision, source.published_commit, source.config_hash,
       source.checked_at
  FROM (VALUES (%(source)s::text)) AS asked (name) LEFT JOIN source USING (name);
