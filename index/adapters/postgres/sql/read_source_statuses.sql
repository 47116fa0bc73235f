-- Every source with how far it is, and its counts in one generation.
SELECT name, revision, published_commit, committed_at, published_at, checked_at,
       (SELECT count(*) FROM page_state p
         WHERE p.generation = %(generation)s AND p.source_id = source.source_id AND NOT p.is_deleted),
       (SELECT count(*) FROM {chunk} c WHERE c.source_id = source.source_id)
  FROM source ORDER BY name;
