-- Claims at the given paths (all when null and no URL is given) and those that ask for one of the URLs.
SELECT path, blob, url, is_slug
  FROM claim
 WHERE source_id = (SELECT source_id FROM source WHERE name = %(source)s)
   AND url <> ''
   AND (path = ANY(%(paths)s::text[]) OR url = ANY(%(urls)s::text[])
        OR (%(paths)s::text[] IS NULL AND cardinality(%(urls)s::text[]) = 0));
