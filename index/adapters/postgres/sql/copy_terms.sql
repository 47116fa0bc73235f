-- Take in the term counts of sections that are new, in binary.
COPY {term} (term, source_id, section_id, piece, title, heading, path, body, length) FROM STDIN WITH (FORMAT BINARY)
