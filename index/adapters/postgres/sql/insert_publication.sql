-- Append one row to the ledger; a row is never updated. The old state was last seen when the source was last found
-- unchanged, or when a push told of a newer one since.
INSERT INTO publication (source_id, path, revision, kind, fingerprint, blob, url, commit, committed_at, moved_from,
                         moved_to, detected_at, old_seen_at)
SELECT %(source_id)s, %(path)s, %(revision)s, %(kind)s, %(fingerprint)s, %(blob)s, %(url)s, %(commit)s,
       %(committed_at)s, %(moved_from)s, %(moved_to)s, %(detected_at)s,
       coalesce((SELECT min(received_at) FROM delivery
                  WHERE delivery.source = source.name AND received_at > source.checked_at), source.checked_at)
  FROM source WHERE source_id = %(source_id)s;
