-- Forget parkings older than the given age that a newer publication of their page has passed.
DELETE FROM parked
 WHERE parked.parked_at < now() - %(age)s::interval
   AND EXISTS (SELECT FROM publication newer
                WHERE newer.source_id = parked.source_id AND newer.path = parked.path
                  AND newer.revision > parked.revision);
