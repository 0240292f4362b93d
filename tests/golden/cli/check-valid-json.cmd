bulkhead check shop.yaml --json
