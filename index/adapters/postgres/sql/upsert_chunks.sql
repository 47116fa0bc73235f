-- Insert or replace chunk rows of one page.
INSERT INTO {chunk} (source_id, path, ordinal, section, text, text_hash, shown)
SELECT %(source_id)s, %(path)s, * FROM unnest(%(ordinals)s::int[], %(sections)s::int[], %(texts)s::text[],
                                              %(hashes)s::bytea[], %(shown)s::bytea[])
ON CONFLICT (source_id, path, ordinal) DO UPDATE
   SET section = excluded.section, text = excluded.text, text_hash = excluded.text_hash, shown = excluded.shown;
