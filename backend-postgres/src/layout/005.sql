-- Lines of the change log are written once and read once, and most are gone soon: compressing them, as is done from 2 kB on, takes a
-- sixth of the time of a creation. Up to 8 kB they stay as they are.
ALTER TABLE change SET (toast_tuple_target = 8160);
