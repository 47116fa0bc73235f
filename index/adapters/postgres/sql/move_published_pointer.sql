-- All of the source is searchable or parked up to this revision.
UPDATE source
   SET published_revision = attempt.revision, published_commit = attempt.commit, config_hash = attempt.config_hash,
       committed_at = %(committed_at)s, published_at = now(),
       lease_owner = NULL, lease_until = NULL, checked_at = greatest(source.checked_at, %(checked_at)s)
  FROM attempt
 WHERE source.source_id = %(source_id)s AND attempt.source_id = %(source_id)s AND attempt.revision = %(revision)s;
