-- Every generation, retired ones too. Returns: number, state, fingerprint, model, whether by hand, whether pinned, when
-- made and promoted, whether its vectors are indexed, its size in bytes, and its live pages.
SELECT g.generation, g.state, g.fingerprint, g.model, g.is_by_hand, g.is_pinned, g.created_at, g.promoted_at,
       EXISTS (SELECT FROM pg_index
                WHERE indexrelid = to_regclass('vector_g' || g.generation || '_hnsw') AND indisvalid),
       (SELECT coalesce(sum(pg_total_relation_size(to_regclass(kind || '_g' || g.generation))), 0)::bigint
          FROM unnest(ARRAY['section', 'chunk', 'vector', 'term', 'orphan']) AS kind),
       (SELECT count(*) FROM page_state p WHERE p.generation = g.generation AND NOT p.is_deleted)
  FROM generation g ORDER BY g.generation;
