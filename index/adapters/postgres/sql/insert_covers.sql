-- Note every commit that a finished sync covers; one that was held before keeps its first revision.
INSERT INTO covers (source_id, commit, revision)
SELECT %(source_id)s, commit, %(revision)s FROM unnest(%(covered)s::text[]) AS seen (commit)
ON CONFLICT (source_id, commit) DO NOTHING;
