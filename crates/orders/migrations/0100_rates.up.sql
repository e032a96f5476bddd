-- The migration runner sets both timeouts.
-- squawk-ignore-file require-lock-timeout, require-statement-timeout
-- What the shop charges by country: tax and shipping. Amounts are minor units, tax rates are hundredths of a percent.

CREATE TABLE tax_rates (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    country TEXT NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    name TEXT NOT NULL,
    rate_bp BIGINT NOT NULL CHECK (rate_bp BETWEEN 0 AND 10000),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX idx_tax_rates_country ON tax_rates (country);
COMMENT ON TABLE tax_rates IS 'The standard rate that applies to everything shipped to a country; a country without a row is not served.';

CREATE TABLE shipping_rates (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    option TEXT NOT NULL CHECK (option ~ '^[a-z][a-z0-9_]{0,31}$'),
    name TEXT NOT NULL,
    country TEXT NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    currency TEXT NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount BIGINT NOT NULL CHECK (amount >= 0),
    min_days BIGINT NOT NULL CHECK (min_days >= 0),
    max_days BIGINT NOT NULL CHECK (max_days >= min_days),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX idx_shipping_rates_option ON shipping_rates (country, currency, option);
COMMENT ON TABLE shipping_rates IS 'Flat price of a way of shipping, by country and currency.';

INSERT INTO tax_rates (country, name, rate_bp) VALUES
    ('AT', 'USt', 2000), ('BE', 'TVA/BTW', 2100), ('BG', 'DDS', 2000), ('CY', 'FPA', 1900), ('CZ', 'DPH', 2100),
    ('DE', 'MwSt', 1900), ('DK', 'Moms', 2500), ('EE', 'Käibemaks', 2400), ('ES', 'IVA', 2100), ('FI', 'ALV', 2550),
    ('FR', 'TVA', 2000), ('GR', 'FPA', 2400), ('HR', 'PDV', 2500), ('HU', 'ÁFA', 2700), ('IE', 'VAT', 2300),
    ('IT', 'IVA', 2200), ('LT', 'PVM', 2100), ('LU', 'TVA', 1700), ('LV', 'PVN', 2100), ('MT', 'VAT', 1800),
    ('NL', 'Btw', 2100), ('PL', 'VAT', 2300), ('PT', 'IVA', 2300), ('RO', 'TVA', 2100), ('SE', 'Moms', 2500),
    ('SI', 'DDV', 2200), ('SK', 'DPH', 2300),
    ('CH', 'MWST', 810), ('GB', 'VAT', 2000), ('NO', 'MVA', 2500),
    -- The United States have no federal rate; sales tax depends on state, county and the seller's nexus.
    ('US', 'Sales tax', 0);

-- Neighbours by distance: the European Union; Switzerland, Norway and the United Kingdom; overseas.
INSERT INTO shipping_rates (option, name, country, currency, amount, min_days, max_days)
SELECT prices.option, prices.name, tax_rates.country, prices.currency, prices.amount, prices.min_days, prices.max_days
FROM tax_rates
JOIN (VALUES
    ('eu', 'standard', 'Standard', 'EUR', 490, 3, 5),
    ('eu', 'standard', 'Standard', 'USD', 590, 3, 5),
    ('eu', 'express', 'Express', 'EUR', 1290, 1, 2),
    ('eu', 'express', 'Express', 'USD', 1490, 1, 2),
    ('near', 'standard', 'Standard', 'EUR', 990, 4, 7),
    ('near', 'standard', 'Standard', 'USD', 1190, 4, 7),
    ('near', 'express', 'Express', 'EUR', 2490, 2, 3),
    ('near', 'express', 'Express', 'USD', 2890, 2, 3),
    ('far', 'standard', 'Standard', 'EUR', 1990, 7, 14),
    ('far', 'standard', 'Standard', 'USD', 2190, 7, 14),
    ('far', 'express', 'Express', 'EUR', 3990, 2, 4),
    ('far', 'express', 'Express', 'USD', 4490, 2, 4)
) AS prices (zone, option, name, currency, amount, min_days, max_days)
ON prices.zone = CASE
    WHEN tax_rates.country IN ('CH', 'GB', 'NO') THEN 'near'
    WHEN tax_rates.country = 'US' THEN 'far'
    ELSE 'eu'
END;
