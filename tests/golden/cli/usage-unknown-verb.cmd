bulkhead chekc shop.yaml
