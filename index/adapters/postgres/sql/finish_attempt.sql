-- Close an attempt.
UPDATE attempt SET finished_at = now() WHERE source_id = %(source_id)s AND revision = %(revision)s;
