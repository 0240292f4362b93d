bulkhead why broken.yaml --from orders --to ledger --port 5432/tcp
