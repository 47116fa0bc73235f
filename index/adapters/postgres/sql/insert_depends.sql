-- Note which files a page is made of.
INSERT INTO depends (source_id, path, target)
SELECT %(source_id)s, path, target FROM unnest(%(depending)s::text[], %(targets)s::text[]) AS made (path, target)
ON CONFLICT DO NOTHING;
