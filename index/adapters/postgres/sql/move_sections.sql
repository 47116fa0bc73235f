-- Give a page's kept sections their new ordinals; uniqueness is checked at commit.
UPDATE {section} SET ordinal = moved.new
  FROM unnest(%(old)s::int[], %(new)s::int[]) AS moved (old, new)
 WHERE source_id = %(source_id)s AND path = %(path)s AND ordinal = moved.old AND moved.old <> moved.new;
