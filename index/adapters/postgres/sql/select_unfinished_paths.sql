-- Paths that a sync after the last finished one has written about.
SELECT path FROM publication JOIN source USING (source_id)
 WHERE source.name = %(source)s AND publication.revision > source.published_revision
UNION
SELECT path FROM claim JOIN source USING (source_id)
 WHERE source.name = %(source)s AND claim.revision > source.published_revision;
