-- Take the next revision of a source with its lease and note the attempt; locks the source's row until commit. A lease
-- saves work only: two that sync one source by turns would overtake each other before either has finished.
-- Returns: the new revision; none, and who holds the lease, while it is somebody else's.
WITH known AS (
    SELECT source_id, lease_owner, lease_owner <> %(owner)s AND lease_until > clock_timestamp() AS is_leased
      FROM source WHERE name = %(source)s FOR UPDATE
), taken AS (
    UPDATE source
       SET revision = revision + 1, lease_owner = %(owner)s, lease_until = clock_timestamp() + interval '60 seconds'
      FROM known WHERE source.source_id = known.source_id AND known.is_leased IS NOT TRUE
    RETURNING source.source_id, revision
), noted AS (
    INSERT INTO attempt (source_id, revision, commit, config_hash)
    SELECT source_id, revision, %(commit)s, %(config_hash)s FROM taken
)
SELECT taken.revision, known.lease_owner FROM known LEFT JOIN taken USING (source_id);
