// Encoders, and encoders with a decoder.
#include "sim/import/hf_family_parts.h"

namespace bitjoule::hf {

namespace {

/// Weight and bias, or gamma and beta, of a layer's tensors.
void add(std::vector<ModelTensorRow>& rows, const std::pair<const char*, const char*>& stored,
         const char* layer, const std::pair<const char*, const char*>& roles, bool in_block) {
  rows.push_back({stored.first, layer, roles.first, in_block});
  rows.push_back({stored.second, layer, roles.second, in_block});
}
constexpr std::pair<const char*, const char*> kLinear = {"weights", "bias"};
constexpr std::pair<const char*, const char*> kNorm = {"gamma", "beta"};

/// A checkpoint of the encoder alone has no name of the family before its tensors.
ModelTensors bert_tensors(const char* part) {
  ModelTensors tensors{{{"encoder.layer."}}, {}, part, {"embeddings.position_ids"}};
  tensors.rows = {{"embeddings.word_embeddings.weight", "word", "table", false},
                  {"embeddings.position_embeddings.weight", "position", "table", false},
                  {"embeddings.token_type_embeddings.weight", "type", "table", false}};
  std::vector<ModelTensorRow>& rows = tensors.rows;
  add(rows, {"embeddings.LayerNorm.weight", "embeddings.LayerNorm.bias"}, "embed_norm", kNorm,
      false);
  add(rows, {"pooler.dense.weight", "pooler.dense.bias"}, "pooler", kLinear, false);
  add(rows, {"attention.self.query.weight", "attention.self.query.bias"}, "q", kLinear, true);
  add(rows, {"attention.self.key.weight", "attention.self.key.bias"}, "k", kLinear, true);
  add(rows, {"attention.self.value.weight", "attention.self.value.bias"}, "v", kLinear, true);
  add(rows, {"attention.output.dense.weight", "attention.output.dense.bias"}, "o", kLinear, true);
  add(rows, {"attention.output.LayerNorm.weight", "attention.output.LayerNorm.bias"}, "attn_norm",
      kNorm, true);
  add(rows, {"intermediate.dense.weight", "intermediate.dense.bias"}, "up", kLinear, true);
  add(rows, {"output.dense.weight", "output.dense.bias"}, "down", kLinear, true);
  add(rows, {"output.LayerNorm.weight", "output.LayerNorm.bias"}, "ffn_norm", kNorm, true);
  return tensors;
}

ModelTensors electra_tensors() {
  ModelTensors tensors = bert_tensors("electra.");
  add(tensors.rows, {"embeddings_project.weight", "embeddings_project.bias"}, "project", kLinear,
      false);
  return tensors;
}

ModelTensors distilbert_tensors() {
  ModelTensors tensors{{{"transformer.layer."}}, {}, "distilbert.", {"embeddings.position_ids"}};
  tensors.rows = {{"embeddings.word_embeddings.weight", "word", "table", false},
                  {"embeddings.position_embeddings.weight", "position", "table", false}};
  std::vector<ModelTensorRow>& rows = tensors.rows;
  add(rows, {"embeddings.LayerNorm.weight", "embeddings.LayerNorm.bias"}, "embed_norm", kNorm,
      false);
  add(rows, {"attention.q_lin.weight", "attention.q_lin.bias"}, "q", kLinear, true);
  add(rows, {"attention.k_lin.weight", "attention.k_lin.bias"}, "k", kLinear, true);
  add(rows, {"attention.v_lin.weight", "attention.v_lin.bias"}, "v", kLinear, true);
  add(rows, {"attention.out_lin.weight", "attention.out_lin.bias"}, "o", kLinear, true);
  add(rows, {"sa_layer_norm.weight", "sa_layer_norm.bias"}, "attn_norm", kNorm, true);
  add(rows, {"ffn.lin1.weight", "ffn.lin1.bias"}, "up", kLinear, true);
  add(rows, {"ffn.lin2.weight", "ffn.lin2.bias"}, "down", kLinear, true);
  add(rows, {"output_layer_norm.weight", "output_layer_norm.bias"}, "ffn_norm", kNorm, true);
  return tensors;
}

/// All layers have the weights of one.
ModelTensors albert_tensors() {
  ModelTensors tensors{
      {{"encoder.albert_layer_groups."}}, {}, "albert.", {"embeddings.position_ids"}};
  tensors.rows = {{"embeddings.word_embeddings.weight", "word", "table", false},
                  {"embeddings.position_embeddings.weight", "position", "table", false},
                  {"embeddings.token_type_embeddings.weight", "type", "table", false}};
  std::vector<ModelTensorRow>& rows = tensors.rows;
  add(rows, {"embeddings.LayerNorm.weight", "embeddings.LayerNorm.bias"}, "embed_norm", kNorm,
      false);
  add(rows,
      {"encoder.embedding_hidden_mapping_in.weight", "encoder.embedding_hidden_mapping_in.bias"},
      "project", kLinear, false);
  add(rows, {"pooler.weight", "pooler.bias"}, "pooler", kLinear, false);
  add(rows, {"albert_layers.0.attention.query.weight", "albert_layers.0.attention.query.bias"}, "q",
      kLinear, true);
  add(rows, {"albert_layers.0.attention.key.weight", "albert_layers.0.attention.key.bias"}, "k",
      kLinear, true);
  add(rows, {"albert_layers.0.attention.value.weight", "albert_layers.0.attention.value.bias"}, "v",
      kLinear, true);
  add(rows, {"albert_layers.0.attention.dense.weight", "albert_layers.0.attention.dense.bias"}, "o",
      kLinear, true);
  add(rows,
      {"albert_layers.0.attention.LayerNorm.weight", "albert_layers.0.attention.LayerNorm.bias"},
      "attn_norm", kNorm, true);
  add(rows, {"albert_layers.0.ffn.weight", "albert_layers.0.ffn.bias"}, "up", kLinear, true);
  add(rows, {"albert_layers.0.ffn_output.weight", "albert_layers.0.ffn_output.bias"}, "down",
      kLinear, true);
  add(rows,
      {"albert_layers.0.full_layer_layer_norm.weight",
       "albert_layers.0.full_layer_layer_norm.bias"},
      "ffn_norm", kNorm, true);
  for (ModelTensorRow& row : rows) row.of_all = row.in_block;
  return tensors;
}

constexpr std::size_t kEncoder = 0, kDecoder = 1;  // stacks

/// `shared` is the table of both parts; the other names of it are copies.
ModelTensors t5_tensors() {
  ModelTensors tensors{
      {{"encoder.block.", "enc.blk."}, {"decoder.block.", "dec.blk."}}, {}, "", {}};
  tensors.unread = {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight",
                    // Of files of the first versions; cross-attention has none.
                    "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"};
  tensors.rows = {{"shared.weight", "embed", "table", false},
                  {"encoder.final_layer_norm.weight", "enc.norm", "gamma", false},
                  {"decoder.final_layer_norm.weight", "norm", "gamma", false},
                  {"lm_head.weight", "head", "weights", false}};
  for (const std::size_t stack : {kEncoder, kDecoder})
    for (const ModelTensorRow& row : std::initializer_list<ModelTensorRow>{
             {"layer.0.layer_norm.weight", "attn_norm", "gamma", true, stack},
             {"layer.0.SelfAttention.q.weight", "q", "weights", true, stack},
             {"layer.0.SelfAttention.k.weight", "k", "weights", true, stack},
             {"layer.0.SelfAttention.v.weight", "v", "weights", true, stack},
             {"layer.0.SelfAttention.o.weight", "o", "weights", true, stack},
             {"layer.0.SelfAttention.relative_attention_bias.weight", "softmax", "distances", true,
              stack, true}})
      tensors.rows.push_back(row);
  for (const ModelTensorRow& row : std::initializer_list<ModelTensorRow>{
           {"layer.1.layer_norm.weight", "cross_norm", "gamma", true, kDecoder},
           {"layer.1.EncDecAttention.q.weight", "cross_q", "weights", true, kDecoder},
           {"layer.1.EncDecAttention.k.weight", "cross_k", "weights", true, kDecoder},
           {"layer.1.EncDecAttention.v.weight", "cross_v", "weights", true, kDecoder},
           {"layer.1.EncDecAttention.o.weight", "cross_o", "weights", true, kDecoder},
           {"layer.1.layer_norm.weight", "ffn_norm", "gamma", true, kEncoder},
           {"layer.1.DenseReluDense.wi.weight", "up", "weights", true, kEncoder},
           {"layer.1.DenseReluDense.wi_0.weight", "gate", "weights", true, kEncoder},
           {"layer.1.DenseReluDense.wi_1.weight", "up", "weights", true, kEncoder},
           {"layer.1.DenseReluDense.wo.weight", "down", "weights", true, kEncoder},
           {"layer.2.layer_norm.weight", "ffn_norm", "gamma", true, kDecoder},
           {"layer.2.DenseReluDense.wi.weight", "up", "weights", true, kDecoder},
           {"layer.2.DenseReluDense.wi_0.weight", "gate", "weights", true, kDecoder},
           {"layer.2.DenseReluDense.wi_1.weight", "up", "weights", true, kDecoder},
           {"layer.2.DenseReluDense.wo.weight", "down", "weights", true, kDecoder}})
    tensors.rows.push_back(row);
  return tensors;
}

/// Kernels of the convolutions lie as outputs x inputs x places.
ModelTensors whisper_tensors() {
  ModelTensors tensors{{{"encoder.layers.", "enc.blk."}, {"decoder.layers.", "dec.blk."}},
                       {},
                       "model.",
                       {"proj_out.weight"}};
  constexpr TensorLayout kKernel = TensorLayout::kChannelsFirst;
  tensors.rows = {{"encoder.conv1.weight", "enc.conv1", "weights", false, 0, false, kKernel},
                  {"encoder.conv1.bias", "enc.conv1", "bias", false},
                  {"encoder.conv2.weight", "enc.conv2", "weights", false, 0, false, kKernel},
                  {"encoder.conv2.bias", "enc.conv2", "bias", false},
                  {"encoder.embed_positions.weight", "enc.position", "table", false},
                  {"encoder.layer_norm.weight", "enc.norm", "gamma", false},
                  {"encoder.layer_norm.bias", "enc.norm", "beta", false},
                  {"decoder.embed_tokens.weight", "embed", "table", false},
                  {"decoder.embed_positions.weight", "position", "table", false},
                  {"decoder.layer_norm.weight", "norm", "gamma", false},
                  {"decoder.layer_norm.bias", "norm", "beta", false}};
  for (const std::size_t stack : {kEncoder, kDecoder})
    for (const ModelTensorRow& row : std::initializer_list<ModelTensorRow>{
             {"self_attn_layer_norm.weight", "attn_norm", "gamma", true, stack},
             {"self_attn_layer_norm.bias", "attn_norm", "beta", true, stack},
             {"self_attn.q_proj.weight", "q", "weights", true, stack},
             {"self_attn.q_proj.bias", "q", "bias", true, stack},
             {"self_attn.k_proj.weight", "k", "weights", true, stack},
             {"self_attn.v_proj.weight", "v", "weights", true, stack},
             {"self_attn.v_proj.bias", "v", "bias", true, stack},
             {"self_attn.out_proj.weight", "o", "weights", true, stack},
             {"self_attn.out_proj.bias", "o", "bias", true, stack},
             {"final_layer_norm.weight", "ffn_norm", "gamma", true, stack},
             {"final_layer_norm.bias", "ffn_norm", "beta", true, stack},
             {"fc1.weight", "up", "weights", true, stack},
             {"fc1.bias", "up", "bias", true, stack},
             {"fc2.weight", "down", "weights", true, stack},
             {"fc2.bias", "down", "bias", true, stack}})
      tensors.rows.push_back(row);
  for (const ModelTensorRow& row : std::initializer_list<ModelTensorRow>{
           {"encoder_attn_layer_norm.weight", "cross_norm", "gamma", true, kDecoder},
           {"encoder_attn_layer_norm.bias", "cross_norm", "beta", true, kDecoder},
           {"encoder_attn.q_proj.weight", "cross_q", "weights", true, kDecoder},
           {"encoder_attn.q_proj.bias", "cross_q", "bias", true, kDecoder},
           {"encoder_attn.k_proj.weight", "cross_k", "weights", true, kDecoder},
           {"encoder_attn.v_proj.weight", "cross_v", "weights", true, kDecoder},
           {"encoder_attn.v_proj.bias", "cross_v", "bias", true, kDecoder},
           {"encoder_attn.out_proj.weight", "cross_o", "weights", true, kDecoder},
           {"encoder_attn.out_proj.bias", "cross_o", "bias", true, kDecoder}})
    tensors.rows.push_back(row);
  return tensors;
}

}  // namespace

HfFamily bert() {
  static const ModelTensors kTensors = bert_tensors("bert.");
  HfFamily family;
  family.model_type = "bert";
  family.base = "base/bert.yaml";
  family.sizes = {
      {"hidden", "hidden_size", nullptr},        {"layers", "num_hidden_layers", nullptr},
      {"heads", "num_attention_heads", nullptr}, {"ffn", "intermediate_size", nullptr},
      {"vocab", "vocab_size", nullptr},          {"positions", "max_position_embeddings", nullptr},
      {"types", "type_vocab_size", ""},          {"epsilon", "layer_norm_eps", ""}};
  family.tied = true;
  family.activation_keys = {"hidden_act"};
  family.activation = "gelu";
  family.activations = {{"gelu", ""}, {"gelu_new", "1"}, {"gelu_pytorch_tanh", "1"}};
  family.block = "bert.encoder.layer.";
  family.linears = {{"q", "attention.self.query"}, {"k", "attention.self.key"},
                    {"v", "attention.self.value"}, {"o", "attention.output.dense"},
                    {"up", "intermediate.dense"},  {"down", "output.dense"}};
  family.embeddings = {"word", "position", "type"};
  family.embedding_module = "bert.embeddings.word_embeddings";
  family.head = "pooler";
  family.tensors = &kTensors;
  return family;
}

/// Positions begin behind the row of the padding token, 1.
HfFamily roberta(const char* model_type) {
  static const ModelTensors kTensors = bert_tensors("roberta.");
  HfFamily family = bert();
  family.model_type = model_type;
  family.fixed = {{"first_position", "2"}};
  family.block = "roberta.encoder.layer.";
  family.embedding_module = "roberta.embeddings.word_embeddings";
  family.tensors = &kTensors;
  return family;
}

/// Without types of tokens, and without a layer for the first token.
HfFamily distilbert() {
  static const ModelTensors kTensors = distilbert_tensors();
  HfFamily family = bert();
  family.model_type = "distilbert";
  family.fixed = {{"types", "0"}, {"pooler", "0"}};
  family.sizes = {
      {"hidden", "dim", nullptr},       {"layers", "n_layers", nullptr},
      {"heads", "n_heads", nullptr},    {"ffn", "hidden_dim", nullptr},
      {"vocab", "vocab_size", nullptr}, {"positions", "max_position_embeddings", nullptr}};
  family.activation_keys = {"activation"};
  family.block = "distilbert.transformer.layer.";
  family.linears = {{"q", "attention.q_lin"},   {"k", "attention.k_lin"}, {"v", "attention.v_lin"},
                    {"o", "attention.out_lin"}, {"up", "ffn.lin1"},       {"down", "ffn.lin2"}};
  family.embeddings = {"word", "position"};
  family.embedding_module = "distilbert.embeddings.word_embeddings";
  family.head = nullptr;
  family.tensors = &kTensors;
  return family;
}

/// Embeddings may be narrower than the layers.
HfFamily electra() {
  static const ModelTensors kTensors = electra_tensors();
  HfFamily family = bert();
  family.model_type = "electra";
  family.fixed = {{"pooler", "0"}};
  family.sizes.push_back({"embed", "embedding_size", "128"});
  family.block = "electra.encoder.layer.";
  family.embedding_module = "electra.embeddings.word_embeddings";
  family.head = nullptr;
  family.tensors = &kTensors;
  return family;
}

/// One group of one layer, whose weights all have. Its library's class says 4096 for a missing
/// width, so the sizes are required.
HfFamily albert() {
  static const ModelTensors kTensors = albert_tensors();
  HfFamily family = bert();
  family.model_type = "albert";
  family.fixed = {{"shared_layers", "1"}};
  family.sizes.push_back({"embed", "embedding_size", "128"});
  family.activation = "gelu_new";
  family.linears = {};
  family.one = {"num_hidden_groups", "inner_group_num"};
  family.harmless = {"net_structure_type", "gap_size", "num_memory_blocks", "down_scale_factor"};
  family.tensors = &kTensors;
  return family;
}

/// Scores are not scaled; a tied head reads its rows divided by the root of their length.
HfFamily t5(const char* model_type) {
  static const ModelTensors kTensors = t5_tensors();
  const bool is_multilingual = model_type == std::string("mt5");
  HfFamily family;
  family.model_type = model_type;
  family.base = "base/encoder_decoder.yaml";
  family.fixed = {{"score_scale", "1"}};
  family.sizes = {{"hidden", "d_model", nullptr},
                  {"layers", "num_decoder_layers", "=encoder_layers"},
                  {"encoder_layers", "num_layers", nullptr},
                  {"heads", "num_heads", nullptr},
                  {"head_dim", "d_kv", nullptr},
                  {"ffn", "d_ff", nullptr},
                  {"vocab", "vocab_size", nullptr},
                  {"buckets", "relative_attention_num_buckets", "32"},
                  {"distance", "relative_attention_max_distance", "128"},
                  {"epsilon", "layer_norm_epsilon", "0.000001"}};
  family.tied = !is_multilingual;
  family.tied_head_scale = "=1 / sqrt(hidden)";
  family.activation_keys = {"feed_forward_proj"};
  family.activation = is_multilingual ? "gated-gelu" : "relu";
  family.activations = {
      {"relu", "3"}, {"gated-gelu", "1", "1"}, {"gated-silu", "0", "1"}, {"gelu", "2"}};
  family.same_table = {"enc.embed"};
  family.required = {{"is_encoder_decoder", true, true}};
  family.harmless = {"n_positions", "dropout_rate", "is_gated_act", "dense_act_fn"};
  family.tensors = &kTensors;
  return family;
}

HfFamily whisper() {
  static const ModelTensors kTensors = whisper_tensors();
  HfFamily family;
  family.model_type = "whisper";
  family.base = "base/encoder_decoder.yaml";
  family.fixed = {{"layernorm", "1"}, {"biases", "1"}, {"epsilon", "0.00001"}, {"prompt", "4"}};
  family.sizes = {{"hidden", "d_model", nullptr},
                  {"layers", "decoder_layers", nullptr},
                  {"encoder_layers", "encoder_layers", nullptr},
                  {"heads", "decoder_attention_heads", nullptr},
                  {"encoder_heads", "encoder_attention_heads", nullptr},
                  {"ffn", "decoder_ffn_dim", nullptr},
                  {"encoder_ffn", "encoder_ffn_dim", nullptr},
                  {"vocab", "vocab_size", nullptr},
                  {"bins", "num_mel_bins", "80"},
                  {"source", "max_source_positions", "1500"},
                  {"positions", "max_target_positions", "448"}};
  family.tied = true;
  family.activation_keys = {"activation_function"};
  family.activation = "gelu";
  family.activations = {{"gelu", "2"}, {"gelu_new", "1"}, {"relu", "3"}};
  family.required = {{"is_encoder_decoder", true, true}, {"scale_embedding", false, false}};
  family.harmless = {"num_hidden_layers",      "encoder_layerdrop",    "decoder_layerdrop",
                     "activation_dropout",     "forced_decoder_ids",   "median_filter_width",
                     "use_weighted_layer_sum", "classifier_proj_size", "apply_spec_augment",
                     "mask_time_prob",         "mask_time_length",     "mask_time_min_masks",
                     "mask_feature_prob",      "mask_feature_length",  "mask_feature_min_masks"};
  family.tensors = &kTensors;
  return family;
}

}  // namespace bitjoule::hf
