-- The page at a URL with its sections and their text, in reading order. Returns: a row per section; none for no page.
SELECT source.name, p.path, p.url, p.title, p.commit, s.heading, s.heading_path, s.anchor,
       coalesce((SELECT string_agg(c.text, E'\n\n' ORDER BY c.ordinal) FROM {chunk} c
                  WHERE c.source_id = s.source_id AND c.path = s.path AND c.section = s.ordinal), '')
  FROM page_state p
  JOIN source USING (source_id)
  LEFT JOIN {section} s ON s.source_id = p.source_id AND s.path = p.path
 WHERE p.generation = %(generation)s AND p.url = %(url)s AND NOT p.is_deleted
 ORDER BY source.name, p.path, s.ordinal;
