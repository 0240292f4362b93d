bulkhead check shop.yaml small.yaml
