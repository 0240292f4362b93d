bulkhead check --jsno shop.yaml
