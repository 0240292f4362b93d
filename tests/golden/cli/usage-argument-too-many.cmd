bulkhead check --json=yes shop.yaml
