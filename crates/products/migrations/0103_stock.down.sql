DROP TABLE reservation_lines;
DROP TABLE reservations;
DROP TABLE stock_movements;
DROP TABLE inventory_levels;
DROP TABLE stock_locations;
