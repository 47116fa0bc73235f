-- Begin a new statistics epoch of one source: its sections and their length in terms.
INSERT INTO lexical_source (generation, source_id, epoch, sections, total_length)
SELECT %(generation)s, %(source_id)s, 1, count(*), coalesce(sum(length), 0) FROM {section} WHERE source_id = %(source_id)s
ON CONFLICT (generation, source_id) DO UPDATE
   SET epoch = lexical_source.epoch + 1, sections = excluded.sections, total_length = excluded.total_length,
       refreshed_at = now();
