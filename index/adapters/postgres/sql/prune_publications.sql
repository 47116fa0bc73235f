-- Forget publications older than the given age; the newest one of each page stays for ever.
DELETE FROM publication p
 WHERE p.published_at < now() - %(age)s::interval
   AND EXISTS (SELECT FROM publication newer
                WHERE newer.source_id = p.source_id AND newer.path = p.path AND newer.revision > p.revision);
