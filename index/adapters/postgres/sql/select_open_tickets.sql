-- Those of some tickets whose page has not been published anew yet.
SELECT ticket FROM asked WHERE ticket = ANY(%(tickets)s::bigint[]);
