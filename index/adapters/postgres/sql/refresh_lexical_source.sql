-- Begin a new statistics epoch of one source: its chunks and their length in terms.
INSERT INTO lexical_source (generation, source_id, epoch, chunks, total_length)
SELECT %(generation)s, %(source_id)s, 1, count(*), coalesce(sum(length), 0)
  FROM (SELECT DISTINCT section_id, piece, length FROM {term} WHERE source_id = %(source_id)s) AS counted
ON CONFLICT (generation, source_id) DO UPDATE
   SET epoch = lexical_source.epoch + 1, chunks = excluded.chunks, total_length = excluded.total_length,
       refreshed_at = now();
