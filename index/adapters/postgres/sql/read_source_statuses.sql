-- Every source with how far it is, and its counts in one generation: pages, chunks, pages behind their newest
-- publication, and those of them that are behind the published revision.
SELECT name, published_revision, published_commit, committed_at, published_at, checked_at,
       (SELECT count(*) FROM page_state p
         WHERE p.generation = %(generation)s AND p.source_id = source.source_id AND NOT p.is_deleted),
       (SELECT count(*) FROM {chunk} c WHERE c.source_id = source.source_id),
       behind.pages, behind.overdue
  FROM source
  CROSS JOIN LATERAL (
       SELECT count(*) AS pages, count(*) FILTER (WHERE newest.revision <= source.published_revision) AS overdue
         FROM (SELECT path, max(publication.revision) AS revision
                 FROM publication WHERE publication.source_id = source.source_id GROUP BY path) AS newest
         LEFT JOIN page_state p ON p.generation = %(generation)s AND p.source_id = source.source_id
               AND p.path = newest.path
        WHERE coalesce(p.revision, 0) < newest.revision
          AND NOT EXISTS (SELECT FROM parked
                           WHERE parked.source_id = source.source_id AND parked.path = newest.path
                             AND parked.generation IN (0, %(generation)s) AND parked.revision >= newest.revision)
       ) AS behind
 ORDER BY name;
