-- What a generation lacks of the live one: pages that are older in it, or missing, and not parked. A page that is
-- deleted is no loss where it never was. Returns: source and number of pages.
SELECT source.name, count(*)
  FROM generation
  JOIN page_state live USING (generation)
  JOIN source USING (source_id)
  LEFT JOIN page_state p ON p.generation = %(generation)s AND p.source_id = live.source_id AND p.path = live.path
 WHERE generation.state = 'live' AND generation.generation <> %(generation)s
   AND coalesce(p.revision, CASE WHEN live.is_deleted THEN live.revision ELSE 0 END) < live.revision
   AND NOT EXISTS (SELECT FROM parked
                    WHERE parked.source_id = live.source_id AND parked.path = live.path
                      AND parked.generation IN (0, %(generation)s) AND parked.revision >= live.revision)
 GROUP BY source.name;
