#!/bin/sh
# Run once by PostgreSQL's image, when its volume is new: a role and a database for MLflow and for Mirante each.
set -eu
for name in mlflow mirante; do
    psql --username "${POSTGRES_USER:-postgres}" --dbname postgres --no-psqlrc --quiet \
        --variable ON_ERROR_STOP=1 --variable name="$name" \
        --variable password="$(cat "${SECRETS:-/run/secrets}/${name}_db_password")" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name" ENCODING 'UTF8' TEMPLATE template0;
REVOKE CONNECT ON DATABASE :"name" FROM PUBLIC;
SQL
done
