-- What became searchable at one revision of a source: kind and seconds since the old state was last seen.
SELECT pub.kind, extract(epoch FROM p.indexed_at - pub.old_seen_at)::float8
  FROM publication pub
  JOIN page_state p USING (source_id, path, revision)
  JOIN source USING (source_id)
 WHERE source.name = %(source)s AND pub.revision = %(revision)s AND p.generation = %(generation)s
   AND pub.old_seen_at IS NOT NULL;
