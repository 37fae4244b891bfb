BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('v3.2.0.a');
CREATE TABLE studies (
	study_id INTEGER NOT NULL, 
	study_name VARCHAR(512) NOT NULL, 
	PRIMARY KEY (study_id)
);
INSERT INTO "studies" VALUES(1,'s');
CREATE TABLE study_directions (
	study_direction_id INTEGER NOT NULL, 
	direction VARCHAR(8) NOT NULL, 
	study_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	PRIMARY KEY (study_direction_id), 
	UNIQUE (study_id, objective), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_directions" VALUES(1,'MAXIMIZE',1,0);
CREATE TABLE study_system_attributes (
	study_system_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_system_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
CREATE TABLE study_user_attributes (
	study_user_attribute_id INTEGER NOT NULL, 
	study_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (study_user_attribute_id), 
	UNIQUE (study_id, "key"), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "study_user_attributes" VALUES(1,1,'terms','{"epochs": 9, "seed": 0, "split_sha256": "ab", "files_sha256": "f002eaac791477a0ed6cd2adbadf55c3ebe546c4b3ab159201dbc9e0e5b69e1a", "reference": {"conv_blocks": 2, "convs_per_block": 1, "base_filters": 32, "filter_growth": 2.0, "kernel_size": 3, "padding": "valid", "pooling": "max", "activation": "relu", "batch_norm": false, "conv_dropout": 0.0, "dense_dropout": 0.0, "dense_layers": 1, "dense_units": 128, "optimizer": "adam", "learning_rate": 0.001, "momentum": 0.0, "schedule": "constant", "warmup_fraction": 0.0, "weight_decay": 0.0, "label_smoothing": 0.0, "batch_size": 32, "augmentation": "none", "use_ema": false, "ema_momentum": 0.0, "precision": "float32"}, "space": {"activation": "relu | elu | gelu | silu", "augmentation": "none | flip | flip_shift | cutout", "base_filters": "8 to 48, step 8", "batch_norm": "False | True", "batch_size": "32 | 64 | 128 | 256", "conv_blocks": "1 to 3, step 1", "conv_dropout": "0 to 0.4, step 0.05", "convs_per_block": "1 to 2, step 1", "dense_dropout": "0 to 0.6, step 0.05", "dense_layers": "1 to 2, step 1", "dense_units": "32 to 256, log", "ema_momentum": "0.98 to 0.999", "filter_growth": "1 to 2, step 0.5", "kernel_size": "3 to 5, step 2", "label_smoothing": "0 to 0.15, step 0.05", "learning_rate": "0.0001 to 0.01, log", "momentum": "0.5 to 0.95, step 0.05", "optimizer": "sgd | rmsprop | adam | adamw", "padding": "valid | same", "pooling": "max | average", "schedule": "constant | cosine | one_cycle", "sgd_learning_rate": "0.003 to 0.3, log", "use_ema": "False | True", "warmup_fraction": "0 to 0.2, step 0.05", "weight_decay": "1e-05 to 0.1, log", "most multiply-adds": "10,000,000", "most weights": "1,000,000"}, "objective": "maximize the validation accuracy after the last epoch"}');
CREATE TABLE trial_heartbeats (
	trial_heartbeat_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	heartbeat DATETIME NOT NULL, 
	PRIMARY KEY (trial_heartbeat_id), 
	UNIQUE (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
CREATE TABLE trial_intermediate_values (
	trial_intermediate_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	step INTEGER NOT NULL, 
	intermediate_value FLOAT, 
	intermediate_value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_intermediate_value_id), 
	UNIQUE (trial_id, step), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_intermediate_values" VALUES(1,1,1,0.5,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(2,1,2,0.6,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(3,1,3,0.7,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(4,2,1,0.8,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(5,2,2,0.8,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(6,2,3,0.8,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(7,2,4,0.8,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(8,2,5,0.8,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(9,2,6,0.8,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(10,2,7,0.8,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(11,2,8,0.8,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(12,2,9,0.8,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(13,3,1,0.1,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(14,4,1,0.9,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(15,5,1,0.9,'FINITE');
INSERT INTO "trial_intermediate_values" VALUES(16,9,1,0.4,'FINITE');
CREATE TABLE trial_params (
	param_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	param_name VARCHAR(512), 
	param_value FLOAT, 
	distribution_json TEXT, 
	PRIMARY KEY (param_id), 
	UNIQUE (trial_id, param_name), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_params" VALUES(1,1,'conv_blocks',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(2,1,'convs_per_block',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO "trial_params" VALUES(3,1,'base_filters',32.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 8, "low": 8, "high": 48}}');
INSERT INTO "trial_params" VALUES(4,1,'filter_growth',2.0,'{"name": "FloatDistribution", "attributes": {"step": 0.5, "low": 1.0, "high": 2.0, "log": false}}');
INSERT INTO "trial_params" VALUES(5,1,'dense_layers',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO "trial_params" VALUES(6,1,'dense_units',128.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 32, "high": 256}}');
INSERT INTO "trial_params" VALUES(7,1,'kernel_size',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 2, "low": 3, "high": 5}}');
INSERT INTO "trial_params" VALUES(8,1,'padding',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["valid", "same"]}}');
INSERT INTO "trial_params" VALUES(9,1,'pooling',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["max", "average"]}}');
INSERT INTO "trial_params" VALUES(10,1,'activation',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "elu", "gelu", "silu"]}}');
INSERT INTO "trial_params" VALUES(11,1,'batch_norm',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [false, true]}}');
INSERT INTO "trial_params" VALUES(12,1,'optimizer',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "rmsprop", "adam", "adamw"]}}');
INSERT INTO "trial_params" VALUES(13,1,'schedule',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["constant", "cosine", "one_cycle"]}}');
INSERT INTO "trial_params" VALUES(14,1,'batch_size',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [32, 64, 128, 256]}}');
INSERT INTO "trial_params" VALUES(15,1,'learning_rate',0.001,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 0.01, "log": true}}');
INSERT INTO "trial_params" VALUES(16,1,'conv_dropout',0.0,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.4, "log": false}}');
INSERT INTO "trial_params" VALUES(17,1,'dense_dropout',0.0,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.6, "log": false}}');
INSERT INTO "trial_params" VALUES(18,1,'label_smoothing',0.0,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.15, "log": false}}');
INSERT INTO "trial_params" VALUES(19,1,'augmentation',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "flip", "flip_shift", "cutout"]}}');
INSERT INTO "trial_params" VALUES(20,1,'use_ema',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [false, true]}}');
INSERT INTO "trial_params" VALUES(21,2,'conv_blocks',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(22,2,'convs_per_block',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO "trial_params" VALUES(23,2,'base_filters',16.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 8, "low": 8, "high": 48}}');
INSERT INTO "trial_params" VALUES(24,2,'filter_growth',1.5,'{"name": "FloatDistribution", "attributes": {"step": 0.5, "low": 1.0, "high": 2.0, "log": false}}');
INSERT INTO "trial_params" VALUES(25,2,'dense_layers',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO "trial_params" VALUES(26,2,'dense_units',107.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 32, "high": 256}}');
INSERT INTO "trial_params" VALUES(27,2,'padding',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["valid", "same"]}}');
INSERT INTO "trial_params" VALUES(28,2,'pooling',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["max", "average"]}}');
INSERT INTO "trial_params" VALUES(29,2,'activation',3.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "elu", "gelu", "silu"]}}');
INSERT INTO "trial_params" VALUES(30,2,'batch_norm',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [false, true]}}');
INSERT INTO "trial_params" VALUES(31,2,'optimizer',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "rmsprop", "adam", "adamw"]}}');
INSERT INTO "trial_params" VALUES(32,2,'schedule',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["constant", "cosine", "one_cycle"]}}');
INSERT INTO "trial_params" VALUES(33,2,'batch_size',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [32, 64, 128, 256]}}');
INSERT INTO "trial_params" VALUES(34,2,'learning_rate',1.08527352869151687796e-03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 0.01, "log": true}}');
INSERT INTO "trial_params" VALUES(35,2,'warmup_fraction',0.05,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.2, "log": false}}');
INSERT INTO "trial_params" VALUES(36,2,'conv_dropout',3.50000000000000033306e-01,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.4, "log": false}}');
INSERT INTO "trial_params" VALUES(37,2,'dense_dropout',0.55,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.6, "log": false}}');
INSERT INTO "trial_params" VALUES(38,2,'label_smoothing',0.0,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.15, "log": false}}');
INSERT INTO "trial_params" VALUES(39,2,'augmentation',3.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "flip", "flip_shift", "cutout"]}}');
INSERT INTO "trial_params" VALUES(40,2,'use_ema',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [false, true]}}');
INSERT INTO "trial_params" VALUES(41,2,'ema_momentum',9.89723552501104775203e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.98, "high": 0.999, "log": false}}');
INSERT INTO "trial_params" VALUES(42,3,'conv_blocks',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(43,3,'convs_per_block',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO "trial_params" VALUES(44,3,'base_filters',40.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 8, "low": 8, "high": 48}}');
INSERT INTO "trial_params" VALUES(45,3,'filter_growth',1.0,'{"name": "FloatDistribution", "attributes": {"step": 0.5, "low": 1.0, "high": 2.0, "log": false}}');
INSERT INTO "trial_params" VALUES(46,3,'dense_layers',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO "trial_params" VALUES(47,3,'dense_units',115.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 32, "high": 256}}');
INSERT INTO "trial_params" VALUES(48,3,'kernel_size',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 2, "low": 3, "high": 5}}');
INSERT INTO "trial_params" VALUES(49,3,'padding',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["valid", "same"]}}');
INSERT INTO "trial_params" VALUES(50,3,'pooling',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["max", "average"]}}');
INSERT INTO "trial_params" VALUES(51,3,'activation',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "elu", "gelu", "silu"]}}');
INSERT INTO "trial_params" VALUES(52,3,'batch_norm',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [false, true]}}');
INSERT INTO "trial_params" VALUES(53,3,'optimizer',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "rmsprop", "adam", "adamw"]}}');
INSERT INTO "trial_params" VALUES(54,3,'schedule',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["constant", "cosine", "one_cycle"]}}');
INSERT INTO "trial_params" VALUES(55,3,'batch_size',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [32, 64, 128, 256]}}');
INSERT INTO "trial_params" VALUES(56,3,'learning_rate',1.61640810305337459529e-03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 0.01, "log": true}}');
INSERT INTO "trial_params" VALUES(57,3,'warmup_fraction',0.05,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.2, "log": false}}');
INSERT INTO "trial_params" VALUES(58,3,'conv_dropout',0.1,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.4, "log": false}}');
INSERT INTO "trial_params" VALUES(59,3,'dense_dropout',0.5,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.6, "log": false}}');
INSERT INTO "trial_params" VALUES(60,3,'label_smoothing',0.1,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.15, "log": false}}');
INSERT INTO "trial_params" VALUES(61,3,'augmentation',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "flip", "flip_shift", "cutout"]}}');
INSERT INTO "trial_params" VALUES(62,3,'use_ema',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [false, true]}}');
INSERT INTO "trial_params" VALUES(63,3,'ema_momentum',9.87782470244290555783e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.98, "high": 0.999, "log": false}}');
INSERT INTO "trial_params" VALUES(64,4,'conv_blocks',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(65,4,'convs_per_block',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO "trial_params" VALUES(66,4,'base_filters',16.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 8, "low": 8, "high": 48}}');
INSERT INTO "trial_params" VALUES(67,4,'filter_growth',1.5,'{"name": "FloatDistribution", "attributes": {"step": 0.5, "low": 1.0, "high": 2.0, "log": false}}');
INSERT INTO "trial_params" VALUES(68,4,'dense_layers',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO "trial_params" VALUES(69,4,'dense_units',34.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 32, "high": 256}}');
INSERT INTO "trial_params" VALUES(70,4,'kernel_size',5.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 2, "low": 3, "high": 5}}');
INSERT INTO "trial_params" VALUES(71,4,'pooling',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["max", "average"]}}');
INSERT INTO "trial_params" VALUES(72,4,'activation',3.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "elu", "gelu", "silu"]}}');
INSERT INTO "trial_params" VALUES(73,4,'batch_norm',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [false, true]}}');
INSERT INTO "trial_params" VALUES(74,4,'optimizer',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "rmsprop", "adam", "adamw"]}}');
INSERT INTO "trial_params" VALUES(75,4,'schedule',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["constant", "cosine", "one_cycle"]}}');
INSERT INTO "trial_params" VALUES(76,4,'batch_size',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [32, 64, 128, 256]}}');
INSERT INTO "trial_params" VALUES(77,4,'learning_rate',1.18597705218939915663e-04,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 0.01, "log": true}}');
INSERT INTO "trial_params" VALUES(78,4,'conv_dropout',1.50000000000000022204e-01,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.4, "log": false}}');
INSERT INTO "trial_params" VALUES(79,4,'dense_dropout',3.50000000000000033306e-01,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.6, "log": false}}');
INSERT INTO "trial_params" VALUES(80,4,'label_smoothing',0.05,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.15, "log": false}}');
INSERT INTO "trial_params" VALUES(81,4,'augmentation',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "flip", "flip_shift", "cutout"]}}');
INSERT INTO "trial_params" VALUES(82,4,'use_ema',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [false, true]}}');
INSERT INTO "trial_params" VALUES(83,4,'ema_momentum',9.80214778673787701102e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.98, "high": 0.999, "log": false}}');
INSERT INTO "trial_params" VALUES(84,5,'conv_blocks',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(85,5,'convs_per_block',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO "trial_params" VALUES(86,5,'base_filters',16.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 8, "low": 8, "high": 48}}');
INSERT INTO "trial_params" VALUES(87,5,'filter_growth',1.5,'{"name": "FloatDistribution", "attributes": {"step": 0.5, "low": 1.0, "high": 2.0, "log": false}}');
INSERT INTO "trial_params" VALUES(88,5,'dense_layers',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO "trial_params" VALUES(89,5,'dense_units',34.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 32, "high": 256}}');
INSERT INTO "trial_params" VALUES(90,5,'kernel_size',5.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 2, "low": 3, "high": 5}}');
INSERT INTO "trial_params" VALUES(91,5,'pooling',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["max", "average"]}}');
INSERT INTO "trial_params" VALUES(92,5,'activation',3.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "elu", "gelu", "silu"]}}');
INSERT INTO "trial_params" VALUES(93,5,'batch_norm',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [false, true]}}');
INSERT INTO "trial_params" VALUES(94,5,'optimizer',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "rmsprop", "adam", "adamw"]}}');
INSERT INTO "trial_params" VALUES(95,5,'schedule',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["constant", "cosine", "one_cycle"]}}');
INSERT INTO "trial_params" VALUES(96,5,'batch_size',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [32, 64, 128, 256]}}');
INSERT INTO "trial_params" VALUES(97,5,'learning_rate',1.18597705218939915663e-04,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 0.01, "log": true}}');
INSERT INTO "trial_params" VALUES(98,5,'conv_dropout',1.50000000000000022204e-01,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.4, "log": false}}');
INSERT INTO "trial_params" VALUES(99,5,'dense_dropout',3.50000000000000033306e-01,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.6, "log": false}}');
INSERT INTO "trial_params" VALUES(100,5,'label_smoothing',0.05,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.15, "log": false}}');
INSERT INTO "trial_params" VALUES(101,5,'augmentation',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "flip", "flip_shift", "cutout"]}}');
INSERT INTO "trial_params" VALUES(102,5,'use_ema',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [false, true]}}');
INSERT INTO "trial_params" VALUES(103,5,'ema_momentum',9.80214778673787701102e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.98, "high": 0.999, "log": false}}');
INSERT INTO "trial_params" VALUES(104,6,'conv_blocks',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(105,6,'convs_per_block',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO "trial_params" VALUES(106,6,'base_filters',16.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 8, "low": 8, "high": 48}}');
INSERT INTO "trial_params" VALUES(107,6,'filter_growth',1.5,'{"name": "FloatDistribution", "attributes": {"step": 0.5, "low": 1.0, "high": 2.0, "log": false}}');
INSERT INTO "trial_params" VALUES(108,6,'dense_layers',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO "trial_params" VALUES(109,6,'dense_units',34.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 32, "high": 256}}');
INSERT INTO "trial_params" VALUES(110,6,'kernel_size',5.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 2, "low": 3, "high": 5}}');
INSERT INTO "trial_params" VALUES(111,6,'pooling',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["max", "average"]}}');
INSERT INTO "trial_params" VALUES(112,6,'activation',3.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "elu", "gelu", "silu"]}}');
INSERT INTO "trial_params" VALUES(113,6,'batch_norm',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [false, true]}}');
INSERT INTO "trial_params" VALUES(114,6,'optimizer',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "rmsprop", "adam", "adamw"]}}');
INSERT INTO "trial_params" VALUES(115,6,'schedule',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["constant", "cosine", "one_cycle"]}}');
INSERT INTO "trial_params" VALUES(116,6,'batch_size',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [32, 64, 128, 256]}}');
INSERT INTO "trial_params" VALUES(117,6,'learning_rate',1.18597705218939915663e-04,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 0.01, "log": true}}');
INSERT INTO "trial_params" VALUES(118,6,'conv_dropout',1.50000000000000022204e-01,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.4, "log": false}}');
INSERT INTO "trial_params" VALUES(119,6,'dense_dropout',3.50000000000000033306e-01,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.6, "log": false}}');
INSERT INTO "trial_params" VALUES(120,6,'label_smoothing',0.05,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.15, "log": false}}');
INSERT INTO "trial_params" VALUES(121,6,'augmentation',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "flip", "flip_shift", "cutout"]}}');
INSERT INTO "trial_params" VALUES(122,6,'use_ema',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [false, true]}}');
INSERT INTO "trial_params" VALUES(123,6,'ema_momentum',9.80214778673787701102e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.98, "high": 0.999, "log": false}}');
INSERT INTO "trial_params" VALUES(124,7,'conv_blocks',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(125,7,'convs_per_block',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO "trial_params" VALUES(126,7,'base_filters',24.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 8, "low": 8, "high": 48}}');
INSERT INTO "trial_params" VALUES(127,7,'filter_growth',1.5,'{"name": "FloatDistribution", "attributes": {"step": 0.5, "low": 1.0, "high": 2.0, "log": false}}');
INSERT INTO "trial_params" VALUES(128,7,'dense_layers',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO "trial_params" VALUES(129,7,'dense_units',161.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 32, "high": 256}}');
INSERT INTO "trial_params" VALUES(130,7,'kernel_size',3.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 2, "low": 3, "high": 5}}');
INSERT INTO "trial_params" VALUES(131,7,'padding',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["valid", "same"]}}');
INSERT INTO "trial_params" VALUES(132,7,'pooling',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["max", "average"]}}');
INSERT INTO "trial_params" VALUES(133,7,'activation',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "elu", "gelu", "silu"]}}');
INSERT INTO "trial_params" VALUES(134,7,'batch_norm',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [false, true]}}');
INSERT INTO "trial_params" VALUES(135,7,'optimizer',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "rmsprop", "adam", "adamw"]}}');
INSERT INTO "trial_params" VALUES(136,7,'schedule',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["constant", "cosine", "one_cycle"]}}');
INSERT INTO "trial_params" VALUES(137,7,'batch_size',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [32, 64, 128, 256]}}');
INSERT INTO "trial_params" VALUES(138,7,'sgd_learning_rate',3.75215824017857690897e-03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.003, "high": 0.3, "log": true}}');
INSERT INTO "trial_params" VALUES(139,7,'momentum',0.65,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.5, "high": 0.95, "log": false}}');
INSERT INTO "trial_params" VALUES(140,7,'weight_decay',5.71547328883923439878e-05,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.1, "log": true}}');
INSERT INTO "trial_params" VALUES(141,7,'conv_dropout',0.2,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.4, "log": false}}');
INSERT INTO "trial_params" VALUES(142,7,'dense_dropout',0.55,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.6, "log": false}}');
INSERT INTO "trial_params" VALUES(143,7,'label_smoothing',0.15,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.15, "log": false}}');
INSERT INTO "trial_params" VALUES(144,7,'augmentation',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "flip", "flip_shift", "cutout"]}}');
INSERT INTO "trial_params" VALUES(145,7,'use_ema',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [false, true]}}');
INSERT INTO "trial_params" VALUES(146,8,'conv_blocks',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(147,8,'convs_per_block',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO "trial_params" VALUES(148,8,'base_filters',16.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 8, "low": 8, "high": 48}}');
INSERT INTO "trial_params" VALUES(149,8,'filter_growth',2.0,'{"name": "FloatDistribution", "attributes": {"step": 0.5, "low": 1.0, "high": 2.0, "log": false}}');
INSERT INTO "trial_params" VALUES(150,8,'dense_layers',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO "trial_params" VALUES(151,8,'dense_units',113.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 32, "high": 256}}');
INSERT INTO "trial_params" VALUES(152,8,'padding',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["valid", "same"]}}');
INSERT INTO "trial_params" VALUES(153,8,'pooling',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["max", "average"]}}');
INSERT INTO "trial_params" VALUES(154,8,'activation',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "elu", "gelu", "silu"]}}');
INSERT INTO "trial_params" VALUES(155,8,'batch_norm',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [false, true]}}');
INSERT INTO "trial_params" VALUES(156,8,'optimizer',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "rmsprop", "adam", "adamw"]}}');
INSERT INTO "trial_params" VALUES(157,8,'schedule',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["constant", "cosine", "one_cycle"]}}');
INSERT INTO "trial_params" VALUES(158,8,'batch_size',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [32, 64, 128, 256]}}');
INSERT INTO "trial_params" VALUES(159,8,'learning_rate',1.28347718790504275281e-03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 0.01, "log": true}}');
INSERT INTO "trial_params" VALUES(160,8,'conv_dropout',0.2,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.4, "log": false}}');
INSERT INTO "trial_params" VALUES(161,8,'dense_dropout',0.6,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.6, "log": false}}');
INSERT INTO "trial_params" VALUES(162,8,'label_smoothing',0.15,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.15, "log": false}}');
INSERT INTO "trial_params" VALUES(163,8,'augmentation',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "flip", "flip_shift", "cutout"]}}');
INSERT INTO "trial_params" VALUES(164,8,'use_ema',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [false, true]}}');
INSERT INTO "trial_params" VALUES(165,8,'ema_momentum',9.80607042452098620621e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.98, "high": 0.999, "log": false}}');
INSERT INTO "trial_params" VALUES(166,9,'conv_blocks',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 3}}');
INSERT INTO "trial_params" VALUES(167,9,'convs_per_block',2.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO "trial_params" VALUES(168,9,'base_filters',16.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 8, "low": 8, "high": 48}}');
INSERT INTO "trial_params" VALUES(169,9,'filter_growth',2.0,'{"name": "FloatDistribution", "attributes": {"step": 0.5, "low": 1.0, "high": 2.0, "log": false}}');
INSERT INTO "trial_params" VALUES(170,9,'dense_layers',1.0,'{"name": "IntDistribution", "attributes": {"log": false, "step": 1, "low": 1, "high": 2}}');
INSERT INTO "trial_params" VALUES(171,9,'dense_units',113.0,'{"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 32, "high": 256}}');
INSERT INTO "trial_params" VALUES(172,9,'padding',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["valid", "same"]}}');
INSERT INTO "trial_params" VALUES(173,9,'pooling',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["max", "average"]}}');
INSERT INTO "trial_params" VALUES(174,9,'activation',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["relu", "elu", "gelu", "silu"]}}');
INSERT INTO "trial_params" VALUES(175,9,'batch_norm',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [false, true]}}');
INSERT INTO "trial_params" VALUES(176,9,'optimizer',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["sgd", "rmsprop", "adam", "adamw"]}}');
INSERT INTO "trial_params" VALUES(177,9,'schedule',0.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["constant", "cosine", "one_cycle"]}}');
INSERT INTO "trial_params" VALUES(178,9,'batch_size',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [32, 64, 128, 256]}}');
INSERT INTO "trial_params" VALUES(179,9,'learning_rate',1.28347718790504275281e-03,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 0.01, "log": true}}');
INSERT INTO "trial_params" VALUES(180,9,'conv_dropout',0.2,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.4, "log": false}}');
INSERT INTO "trial_params" VALUES(181,9,'dense_dropout',0.6,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.6, "log": false}}');
INSERT INTO "trial_params" VALUES(182,9,'label_smoothing',0.15,'{"name": "FloatDistribution", "attributes": {"step": 0.05, "low": 0.0, "high": 0.15, "log": false}}');
INSERT INTO "trial_params" VALUES(183,9,'augmentation',2.0,'{"name": "CategoricalDistribution", "attributes": {"choices": ["none", "flip", "flip_shift", "cutout"]}}');
INSERT INTO "trial_params" VALUES(184,9,'use_ema',1.0,'{"name": "CategoricalDistribution", "attributes": {"choices": [false, true]}}');
INSERT INTO "trial_params" VALUES(185,9,'ema_momentum',9.80607042452098620621e-01,'{"name": "FloatDistribution", "attributes": {"step": null, "low": 0.98, "high": 0.999, "log": false}}');
CREATE TABLE trial_system_attributes (
	trial_system_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_system_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_system_attributes" VALUES(1,2,'completed_rung_0','0.8');
INSERT INTO "trial_system_attributes" VALUES(2,2,'completed_rung_1','0.8');
INSERT INTO "trial_system_attributes" VALUES(3,3,'completed_rung_0','0.1');
INSERT INTO "trial_system_attributes" VALUES(4,4,'completed_rung_0','0.9');
INSERT INTO "trial_system_attributes" VALUES(5,9,'completed_rung_0','0.4');
CREATE TABLE trial_user_attributes (
	trial_user_attribute_id INTEGER NOT NULL, 
	trial_id INTEGER, 
	"key" VARCHAR(512), 
	value_json TEXT, 
	PRIMARY KEY (trial_user_attribute_id), 
	UNIQUE (trial_id, "key"), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_user_attributes" VALUES(1,1,'reference','true');
INSERT INTO "trial_user_attributes" VALUES(2,1,'config','{"conv_blocks": 2, "convs_per_block": 1, "base_filters": 32, "filter_growth": 2.0, "kernel_size": 3, "padding": "valid", "pooling": "max", "activation": "relu", "batch_norm": false, "conv_dropout": 0.0, "dense_dropout": 0.0, "dense_layers": 1, "dense_units": 128, "optimizer": "adam", "learning_rate": 0.001, "momentum": 0.0, "schedule": "constant", "warmup_fraction": 0.0, "weight_decay": 0.0, "label_smoothing": 0.0, "batch_size": 32, "augmentation": "none", "use_ema": false, "ema_momentum": 0.0, "precision": "float32"}');
INSERT INTO "trial_user_attributes" VALUES(3,1,'end','{"reason": "", "again": null, "work": {"worker": "host:1", "started": "2026-01-01T00:00:00+00:00", "seconds": 2.0, "cpu_seconds": 1.5, "note": "", "node": "", "gpus": []}}');
INSERT INTO "trial_user_attributes" VALUES(4,2,'config','{"conv_blocks": 2, "convs_per_block": 2, "base_filters": 16, "filter_growth": 1.5, "kernel_size": 3, "padding": "same", "pooling": "max", "activation": "silu", "batch_norm": true, "conv_dropout": 0.35000000000000003, "dense_dropout": 0.55, "dense_layers": 2, "dense_units": 107, "optimizer": "rmsprop", "learning_rate": 0.0010852735286915169, "momentum": 0.0, "schedule": "cosine", "warmup_fraction": 0.05, "weight_decay": 0.0, "label_smoothing": 0.0, "batch_size": 32, "augmentation": "cutout", "use_ema": true, "ema_momentum": 0.9897235525011048, "precision": "float32"}');
INSERT INTO "trial_user_attributes" VALUES(5,2,'end','{"reason": "", "again": null, "work": {"worker": "host:1", "started": "2026-01-01T00:00:00+00:00", "seconds": 2.0, "cpu_seconds": 1.5, "note": "", "node": "", "gpus": []}}');
INSERT INTO "trial_user_attributes" VALUES(6,3,'config','{"conv_blocks": 3, "convs_per_block": 1, "base_filters": 40, "filter_growth": 1.0, "kernel_size": 3, "padding": "valid", "pooling": "max", "activation": "elu", "batch_norm": false, "conv_dropout": 0.1, "dense_dropout": 0.5, "dense_layers": 2, "dense_units": 115, "optimizer": "rmsprop", "learning_rate": 0.0016164081030533746, "momentum": 0.0, "schedule": "cosine", "warmup_fraction": 0.05, "weight_decay": 0.0, "label_smoothing": 0.1, "batch_size": 128, "augmentation": "flip_shift", "use_ema": true, "ema_momentum": 0.9877824702442906, "precision": "float32"}');
INSERT INTO "trial_user_attributes" VALUES(7,3,'end','{"reason": "pruned after epoch 1", "again": null, "work": {"worker": "host:1", "started": "2026-01-01T00:00:00+00:00", "seconds": 2.0, "cpu_seconds": 1.5, "note": "", "node": "", "gpus": []}}');
INSERT INTO "trial_user_attributes" VALUES(8,4,'config','{"conv_blocks": 3, "convs_per_block": 1, "base_filters": 16, "filter_growth": 1.5, "kernel_size": 5, "padding": "same", "pooling": "average", "activation": "silu", "batch_norm": true, "conv_dropout": 0.15000000000000002, "dense_dropout": 0.35000000000000003, "dense_layers": 1, "dense_units": 34, "optimizer": "rmsprop", "learning_rate": 0.00011859770521893992, "momentum": 0.0, "schedule": "constant", "warmup_fraction": 0.0, "weight_decay": 0.0, "label_smoothing": 0.05, "batch_size": 128, "augmentation": "flip_shift", "use_ema": true, "ema_momentum": 0.9802147786737877, "precision": "float32"}');
INSERT INTO "trial_user_attributes" VALUES(9,4,'end','{"reason": "its machine was lost: gone", "again": {"follows": 3, "first": 3, "attempt": 2, "passed": 1, "faults": {"NODE_LOST": 1}}, "work": {"worker": "host:1", "started": "2026-01-01T00:00:00+00:00", "seconds": 2.0, "cpu_seconds": 1.5, "note": "", "node": "", "gpus": []}}');
INSERT INTO "trial_user_attributes" VALUES(10,5,'line','{"follows": 3, "first": 3, "attempt": 2, "passed": 1, "faults": {"NODE_LOST": 1}}');
INSERT INTO "trial_user_attributes" VALUES(11,5,'config','{"conv_blocks": 3, "convs_per_block": 1, "base_filters": 16, "filter_growth": 1.5, "kernel_size": 5, "padding": "same", "pooling": "average", "activation": "silu", "batch_norm": true, "conv_dropout": 0.15000000000000002, "dense_dropout": 0.35000000000000003, "dense_layers": 1, "dense_units": 34, "optimizer": "rmsprop", "learning_rate": 0.00011859770521893992, "momentum": 0.0, "schedule": "constant", "warmup_fraction": 0.0, "weight_decay": 0.0, "label_smoothing": 0.05, "batch_size": 128, "augmentation": "flip_shift", "use_ema": true, "ema_momentum": 0.9802147786737877, "precision": "float32"}');
INSERT INTO "trial_user_attributes" VALUES(12,5,'end','{"reason": "its worker died", "again": {"follows": 4, "first": 3, "attempt": 3, "passed": 1, "faults": {"NODE_LOST": 1, "WORKER_DIED": 1}}, "work": {"worker": "host:1", "started": "2026-01-01T00:00:00+00:00", "seconds": 2.0, "cpu_seconds": 1.5, "note": "", "node": "", "gpus": []}}');
INSERT INTO "trial_user_attributes" VALUES(13,6,'line','{"follows": 4, "first": 3, "attempt": 3, "passed": 1, "faults": {"NODE_LOST": 1, "WORKER_DIED": 1}}');
INSERT INTO "trial_user_attributes" VALUES(14,6,'config','{"conv_blocks": 3, "convs_per_block": 1, "base_filters": 16, "filter_growth": 1.5, "kernel_size": 5, "padding": "same", "pooling": "average", "activation": "silu", "batch_norm": true, "conv_dropout": 0.15000000000000002, "dense_dropout": 0.35000000000000003, "dense_layers": 1, "dense_units": 34, "optimizer": "rmsprop", "learning_rate": 0.00011859770521893992, "momentum": 0.0, "schedule": "constant", "warmup_fraction": 0.0, "weight_decay": 0.0, "label_smoothing": 0.05, "batch_size": 128, "augmentation": "flip_shift", "use_ema": true, "ema_momentum": 0.9802147786737877, "precision": "float32"}');
INSERT INTO "trial_user_attributes" VALUES(15,6,'end','{"reason": "its worker died (attempt 3, the last)", "again": null, "work": {"worker": "host:1", "started": "2026-01-01T00:00:00+00:00", "seconds": 2.0, "cpu_seconds": 1.5, "note": "", "node": "", "gpus": []}}');
INSERT INTO "trial_user_attributes" VALUES(16,7,'config','{"conv_blocks": 3, "convs_per_block": 1, "base_filters": 24, "filter_growth": 1.5, "kernel_size": 3, "padding": "valid", "pooling": "max", "activation": "elu", "batch_norm": true, "conv_dropout": 0.2, "dense_dropout": 0.55, "dense_layers": 2, "dense_units": 161, "optimizer": "sgd", "learning_rate": 0.003752158240178577, "momentum": 0.65, "schedule": "constant", "warmup_fraction": 0.0, "weight_decay": 5.7154732888392344e-05, "label_smoothing": 0.15, "batch_size": 128, "augmentation": "none", "use_ema": false, "ema_momentum": 0.0, "precision": "float32"}');
INSERT INTO "trial_user_attributes" VALUES(17,7,'end','{"reason": "raised: ValueError: no", "again": null, "work": {"worker": "host:1", "started": "2026-01-01T00:00:00+00:00", "seconds": 2.0, "cpu_seconds": 1.5, "note": "", "node": "", "gpus": []}}');
INSERT INTO "trial_user_attributes" VALUES(18,8,'config','{"conv_blocks": 2, "convs_per_block": 2, "base_filters": 16, "filter_growth": 2.0, "kernel_size": 3, "padding": "valid", "pooling": "max", "activation": "elu", "batch_norm": false, "conv_dropout": 0.2, "dense_dropout": 0.6, "dense_layers": 1, "dense_units": 113, "optimizer": "adam", "learning_rate": 0.0012834771879050428, "momentum": 0.0, "schedule": "constant", "warmup_fraction": 0.0, "weight_decay": 0.0, "label_smoothing": 0.15, "batch_size": 64, "augmentation": "flip_shift", "use_ema": true, "ema_momentum": 0.9806070424520986, "precision": "float32"}');
INSERT INTO "trial_user_attributes" VALUES(19,8,'end','{"reason": "interrupted", "again": {"follows": 7, "first": 7, "attempt": 2, "passed": 0, "faults": {"INTERRUPTED": 1}}, "work": {"worker": "", "started": "", "seconds": 0.0, "cpu_seconds": 0.0, "note": "", "node": "", "gpus": []}}');
INSERT INTO "trial_user_attributes" VALUES(20,9,'line','{"follows": 7, "first": 7, "attempt": 2, "passed": 0, "faults": {"INTERRUPTED": 1}}');
INSERT INTO "trial_user_attributes" VALUES(21,9,'config','{"conv_blocks": 2, "convs_per_block": 2, "base_filters": 16, "filter_growth": 2.0, "kernel_size": 3, "padding": "valid", "pooling": "max", "activation": "elu", "batch_norm": false, "conv_dropout": 0.2, "dense_dropout": 0.6, "dense_layers": 1, "dense_units": 113, "optimizer": "adam", "learning_rate": 0.0012834771879050428, "momentum": 0.0, "schedule": "constant", "warmup_fraction": 0.0, "weight_decay": 0.0, "label_smoothing": 0.15, "batch_size": 64, "augmentation": "flip_shift", "use_ema": true, "ema_momentum": 0.9806070424520986, "precision": "float32"}');
CREATE TABLE trial_values (
	trial_value_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	objective INTEGER NOT NULL, 
	value FLOAT, 
	value_type VARCHAR(7) NOT NULL, 
	PRIMARY KEY (trial_value_id), 
	UNIQUE (trial_id, objective), 
	FOREIGN KEY(trial_id) REFERENCES trials (trial_id)
);
INSERT INTO "trial_values" VALUES(1,1,0,0.7,'FINITE');
INSERT INTO "trial_values" VALUES(2,2,0,0.8,'FINITE');
INSERT INTO "trial_values" VALUES(3,3,0,0.1,'FINITE');
CREATE TABLE trials (
	trial_id INTEGER NOT NULL, 
	number INTEGER, 
	study_id INTEGER, 
	state VARCHAR(8) NOT NULL, 
	datetime_start DATETIME, 
	datetime_complete DATETIME, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(study_id) REFERENCES studies (study_id)
);
INSERT INTO "trials" VALUES(1,0,1,'COMPLETE','2026-11-26 14:11:17.187471','2026-11-26 14:11:17.236120');
INSERT INTO "trials" VALUES(2,1,1,'COMPLETE','2026-11-26 14:11:17.248129','2026-11-26 14:11:17.332042');
INSERT INTO "trials" VALUES(3,2,1,'PRUNED','2026-11-26 14:11:17.341808','2026-11-26 14:11:17.367172');
INSERT INTO "trials" VALUES(4,3,1,'FAIL','2026-11-26 14:11:17.376158','2026-11-26 14:11:17.407388');
INSERT INTO "trials" VALUES(5,4,1,'FAIL','2026-11-26 14:11:17.430242','2026-11-26 14:11:17.452080');
INSERT INTO "trials" VALUES(6,5,1,'FAIL','2026-11-26 14:11:17.460094','2026-11-26 14:11:17.484089');
INSERT INTO "trials" VALUES(7,6,1,'FAIL','2026-11-26 14:11:17.496080','2026-11-26 14:11:17.505164');
INSERT INTO "trials" VALUES(8,7,1,'FAIL','2026-11-26 14:11:17.525845','2026-11-26 14:11:17.580241');
INSERT INTO "trials" VALUES(9,8,1,'RUNNING','2026-11-26 14:11:17.595068',NULL);
CREATE TABLE version_info (
	version_info_id INTEGER NOT NULL, 
	schema_version INTEGER, 
	library_version VARCHAR(256), 
	PRIMARY KEY (version_info_id), 
	CHECK (version_info_id=1)
);
INSERT INTO "version_info" VALUES(1,12,'5.0.0');
CREATE UNIQUE INDEX ix_studies_study_name ON studies (study_name);
CREATE INDEX ix_trials_study_id ON trials (study_id);
COMMIT;
