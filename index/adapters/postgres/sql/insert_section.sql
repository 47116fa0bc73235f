-- Insert one section of a page. Returns: its new id.
INSERT INTO {section} (source_id, path, ordinal, digest, heading, heading_path, anchor)
VALUES (%(source_id)s, %(path)s, %(ordinal)s, %(digest)s, %(heading)s, %(heading_path)s, %(anchor)s)
RETURNING section_id;
