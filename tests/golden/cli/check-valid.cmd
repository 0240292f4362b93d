bulkhead check shop.yaml
