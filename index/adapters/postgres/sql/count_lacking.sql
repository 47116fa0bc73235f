-- What a generation lacks: pages that the live one has newer, and pages that are said to be searchable or parked as of
-- the published revision and are neither in it. A page that is deleted is no loss where it never was.
-- Returns: source and number of pages.
WITH newest AS (
    SELECT DISTINCT ON (p.source_id, p.path) p.source_id, p.path, p.revision, p.kind = 'deleted' AS is_deleted
      FROM publication p JOIN source USING (source_id)
     WHERE p.revision <= source.published_revision
     ORDER BY p.source_id, p.path, p.revision DESC
), wanted AS (
    SELECT live.source_id, live.path, live.revision, live.is_deleted
      FROM generation JOIN page_state live USING (generation)
     WHERE generation.state = 'live' AND generation.generation <> %(generation)s
    UNION ALL
    SELECT source_id, path, revision, is_deleted FROM newest
)
SELECT source.name, count(DISTINCT wanted.path)
  FROM wanted
  JOIN source USING (source_id)
  LEFT JOIN page_state p ON p.generation = %(generation)s AND p.source_id = wanted.source_id AND p.path = wanted.path
 WHERE coalesce(p.revision, CASE WHEN wanted.is_deleted THEN wanted.revision ELSE 0 END) < wanted.revision
   AND NOT EXISTS (SELECT FROM parked
                    WHERE parked.source_id = wanted.source_id AND parked.path = wanted.path
                      AND parked.generation IN (0, %(generation)s) AND parked.revision >= wanted.revision)
 GROUP BY source.name;
