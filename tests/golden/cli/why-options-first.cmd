bulkhead why --from=orders --to=ledger --port=5432/tcp shop.yaml
