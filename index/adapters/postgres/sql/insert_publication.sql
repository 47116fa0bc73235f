-- Append one row to the ledger; a row is never updated.
INSERT INTO publication (source_id, path, revision, kind, fingerprint, blob, url, commit, committed_at, moved_from,
                         moved_to, detected_at)
VALUES (%(source_id)s, %(path)s, %(revision)s, %(kind)s, %(fingerprint)s, %(blob)s, %(url)s, %(commit)s,
        %(committed_at)s, %(moved_from)s, %(moved_to)s, %(detected_at)s);
