bulkhead fmt -wx shop.yaml
