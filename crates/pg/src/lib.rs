//! PostgreSQL pools, transactions, pages, migrations.
