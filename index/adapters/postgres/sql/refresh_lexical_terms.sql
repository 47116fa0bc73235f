-- Count anew in how many chunks of one source each term stands.
INSERT INTO lexical_term (generation, source_id, term, chunks)
SELECT %(generation)s, %(source_id)s, term, count(*) FROM {term} WHERE source_id = %(source_id)s GROUP BY term;
