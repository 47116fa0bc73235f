-- Pages of a source whose newest publication one generation has neither applied nor parked, whatever is said to be
-- published. Returns: path, and whether its newest publication is at or below the published revision.
SELECT newest.path, newest.revision <= source.published_revision
  FROM source
  CROSS JOIN LATERAL (SELECT path, max(publication.revision) AS revision
                        FROM publication WHERE publication.source_id = source.source_id GROUP BY path) AS newest
  LEFT JOIN page_state p ON p.generation = %(generation)s AND p.source_id = source.source_id AND p.path = newest.path
 WHERE source.name = %(source)s AND coalesce(p.revision, 0) < newest.revision
   AND NOT EXISTS (SELECT FROM parked
                    WHERE parked.source_id = source.source_id AND parked.path = newest.path
                      AND parked.generation IN (0, %(generation)s) AND parked.revision >= newest.revision)
 ORDER BY newest.path;
