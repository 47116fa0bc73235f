-- Take the next revision of a source and note the attempt; locks the source's row until commit.
-- Returns: the new revision.
WITH taken AS (
    UPDATE source SET revision = revision + 1 WHERE name = %(source)s RETURNING source_id, revision
), noted AS (
    INSERT INTO attempt (source_id, revision, commit, config_hash)
    SELECT source_id, revision, %(commit)s, %(config_hash)s FROM taken
)
SELECT revision FROM taken;
