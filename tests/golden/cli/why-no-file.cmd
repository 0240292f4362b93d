bulkhead why nowhere.yaml --from orders --to ledger --port 5432/tcp
