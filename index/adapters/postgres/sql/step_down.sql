-- Take the place of the live generation away from it: it is kept, and goes on receiving changes, or retired.
UPDATE generation SET state = %(state)s, is_pinned = false
 WHERE state = 'live' AND generation <> %(generation)s;
