-- Not applied, but asked while a projection is rebuilt: the statements that give the new tables to the owner of the old
-- ones, and open them to the same roles. Parameters: the schema, and the names of the tables.

WITH old AS (
    SELECT oid, relname, relowner, relacl, pg_get_userbyid(relowner) AS owner
    FROM pg_class
    WHERE relnamespace = quote_ident(%(schema)s)::regnamespace AND relname = ANY (%(tables)s::text[])
),
granted AS (
    SELECT relname, relowner, '' AS part, (aclexplode(relacl)).*
    FROM old
    UNION ALL
    SELECT relname, relowner, format(' (%%I)', attname), (aclexplode(attacl)).*
    FROM old
    JOIN pg_attribute ON attrelid = old.oid AND NOT attisdropped
)
SELECT 1 AS turn, format('ALTER TABLE %%I OWNER TO %%I', relname, owner)
FROM old
WHERE owner <> current_user
UNION ALL
SELECT
    2,
    format(
        'GRANT %%s%%s ON %%I TO %%s%%s',
        privilege_type,
        part,
        relname,
        CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
        CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END
    )
FROM granted
WHERE grantee <> relowner
ORDER BY turn
