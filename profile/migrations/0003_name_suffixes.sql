-- +goose Up

-- Chinese names are found by the given name as well, as names that come from now on are.
INSERT INTO profile_terms (term, person)
SELECT suffix, person FROM (
    SELECT substr(term, 2) AS suffix, term, person FROM profile_terms WHERE length(term) BETWEEN 2 AND 6
    UNION ALL SELECT substr(term, 3), term, person FROM profile_terms WHERE length(term) BETWEEN 3 AND 6
    UNION ALL SELECT substr(term, 4), term, person FROM profile_terms WHERE length(term) BETWEEN 4 AND 6
    UNION ALL SELECT substr(term, 5), term, person FROM profile_terms WHERE length(term) BETWEEN 5 AND 6
    UNION ALL SELECT substr(term, 6), term, person FROM profile_terms WHERE length(term) = 6
) s
WHERE term >= '一' AND term < '鿿' AND suffix >= '一' AND suffix < '鿿'
ON CONFLICT DO NOTHING;

-- +goose Down
SELECT 1;
