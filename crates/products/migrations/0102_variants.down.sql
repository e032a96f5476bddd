DROP TABLE variant_prices;
DROP TABLE variants;
